"""A celery application with a broker in a directory; what it is told is as in `wsgi_host`."""

from __future__ import annotations

import os

from celery import Celery

broker = os.environ["HOST_BROKER"]
app = Celery("celery_host", broker="filesystem://")
app.conf.update(
    broker_transport_options={
        "data_folder_in": broker,
        "data_folder_out": broker,
        "processed_folder": os.path.join(broker, "processed"),
        "control_folder": os.path.join(broker, "control"),
    },
    broker_connection_retry_on_startup=True,
    worker_hijack_root_logger=False,
    task_ignore_result=True,
)

import wsgi_host  # noqa: E402


@app.task
def work(path):
    """Record, and leave a file that says so."""
    if wsgi_host.telemetry is not None:
        wsgi_host.telemetry.record("request")
    with open(path, "w", encoding="utf-8") as file:
        file.write(str(os.getpid()))
