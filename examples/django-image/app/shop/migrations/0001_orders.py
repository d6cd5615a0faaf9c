"""Orders."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """The first."""

    initial = True
    operations = [
        migrations.CreateModel(
            "Order",
            [
                ("id", models.BigAutoField(primary_key=True)),
                ("goods", models.CharField(max_length=100)),
                ("packed", models.BooleanField(default=False)),
            ],
        )
    ]
