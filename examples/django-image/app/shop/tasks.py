"""What a visitor does not wait for."""

import celery


@celery.shared_task
def pack(number):
    """Pack the order of this number."""
    from .models import Order

    Order.objects.filter(id=number).update(packed=True)
