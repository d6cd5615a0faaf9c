"""The pages."""

from django.http import HttpResponse, JsonResponse
from django.templatetags.static import static
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from .models import Order
from .tasks import pack


def home(_request):
    """A page with a style sheet."""
    return HttpResponse(
        f'<link rel="stylesheet" href="{static("shop.css")}"><h1>{Order.objects.count()} '
        f"orders</h1>"
    )


@csrf_exempt
def orders(request, number=None):
    """POST takes an order and returns its number; GET says whether it is packed."""
    if request.method == "POST":
        order = Order.objects.create(goods=request.body.decode()[:100])
        pack.delay(order.id)
        return JsonResponse({"number": order.id}, status=201)
    return JsonResponse(Order.objects.values("goods", "packed").get(id=number))


urlpatterns = [path("", home), path("orders", orders), path("orders/<int:number>", orders)]
