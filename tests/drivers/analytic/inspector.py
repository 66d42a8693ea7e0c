"""SQLAlchemy's inspector, which Superset and others browse with: everything that it can be asked of the relations of `bi`,
then tables reflected from it and read."""
import sqlalchemy as sa

from shared import run


def body(w):
    for dialect in ("psycopg2", "psycopg"):
        engine = sa.create_engine(f"postgresql+{dialect}://")
        w.say("dialect", dialect, engine.dialect.name)
        inspector = sa.inspect(engine)
        w.say("schemas", inspector.get_schema_names(), inspector.default_schema_name)
        w.say("tables", sorted(inspector.get_table_names("bi")), inspector.get_view_names("bi"), inspector.get_materialized_view_names("bi"), inspector.has_table("invoices", "bi"), inspector.has_table("nothing", "bi"))
        for name in ("accounts", "invoices", "monthly"):
            w.say(f"columns of {name}", [{**column, "type": str(column["type"])} for column in inspector.get_columns(name, "bi")])
            w.say(f"keys of {name}", inspector.get_pk_constraint(name, "bi"), inspector.get_foreign_keys(name, "bi"), inspector.get_indexes(name, "bi"), inspector.get_unique_constraints(name, "bi"), inspector.get_check_constraints(name, "bi"))
            w.say(f"comment on {name}", inspector.get_table_comment(name, "bi"))
        w.say("definition", inspector.get_view_definition("monthly", "bi"))
        w.say("all columns", sorted((schema, table, len(columns)) for (schema, table), columns in inspector.get_multi_columns("bi", kind=sa.engine.reflection.ObjectKind.ANY).items()))
        metadata = sa.MetaData(schema="bi")
        metadata.reflect(engine, views=True)
        w.say("reflected", sorted(metadata.tables))
        invoices, accounts = metadata.tables["bi.invoices"], metadata.tables["bi.accounts"]
        with engine.connect() as conn:
            w.say("rows", conn.execute(sa.select(invoices).order_by(invoices.c.id).limit(5)).all())
            per_plan = sa.select(accounts.c.plan, sa.func.sum(invoices.c.total), sa.func.count()).join(accounts, accounts.c.id == invoices.c.account_id).group_by(accounts.c.plan).order_by(accounts.c.plan)
            w.say("joined", conn.execute(per_plan).all())
        engine.dispose()


run(body)
