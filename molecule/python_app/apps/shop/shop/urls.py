"""The pages."""

from django.contrib import admin
from django.http import JsonResponse
from django.urls import path

from shop.models import Lamp


def lamps(_request):
    """Ask the database."""
    return JsonResponse({"lamps": list(Lamp.objects.values_list("name", flat=True))})


urlpatterns = [path("admin/", admin.site.urls), path("", lamps)]
