"""What the shop keeps."""

from django.db import models


class Order(models.Model):
    """What somebody wants."""

    goods = models.CharField(max_length=100)
    packed = models.BooleanField(default=False)
