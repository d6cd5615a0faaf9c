"""The queue. Its broker is a directory, or what BROKER_URL names."""

import os

import celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
queue = celery.Celery("shop", broker=os.environ.get("BROKER_URL", "filesystem://"))
if queue.conf.broker_url == "filesystem://":
    place = os.environ.get("QUEUE_DIR", "/data/queue")
    os.makedirs(place, exist_ok=True)
    queue.conf.broker_transport_options = {
        "data_folder_in": place,
        "data_folder_out": place,
        "control_folder": f"{place}/control",
    }
queue.conf.worker_hijack_root_logger = False
queue.autodiscover_tasks(["shop"])
