from django import forms

from sales.models import Order


class OrderForm(forms.ModelForm):
    class Meta:
        model = Order
        fields = ["orderid", "itemid", "qty", "price", "dt", "state"]
        widgets = {"dt": forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")}
