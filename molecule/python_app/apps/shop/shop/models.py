"""What is sold."""

from django.db import models


class Lamp(models.Model):
    """A lamp."""

    name = models.CharField(max_length=80)
