from django.db import migrations

CREATE = """
CREATE VIEW app_chargesummary AS
SELECT row_number() OVER (ORDER BY user_id, month, job) AS id,
       user_id,
       job,
       month,
       sum(CASE WHEN type = 'hw' THEN amount ELSE 0 END) AS hw,
       sum(CASE WHEN type = 'sw' THEN amount ELSE 0 END) AS sw
FROM app_charge
GROUP BY user_id, job, month
"""


class Migration(migrations.Migration):

    dependencies = [("billing", "0001_initial")]

    operations = [migrations.RunSQL(CREATE, "DROP VIEW app_chargesummary")]
