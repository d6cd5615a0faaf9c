"""The table of lamps, with one in it."""

from django.db import migrations, models


def add(apps, _editor):
    """Add the first lamp."""
    apps.get_model("shop", "Lamp").objects.create(name="Aurora")


class Migration(migrations.Migration):
    """The first."""

    initial = True
    dependencies = []
    operations = [
        migrations.CreateModel(
            "Lamp",
            [
                ("id", models.BigAutoField(primary_key=True)),
                ("name", models.CharField(max_length=80)),
            ],
        ),
        migrations.RunPython(add, migrations.RunPython.noop),
    ]
