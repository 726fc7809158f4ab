"""The vendor's calls as we serve them: data only. Weekly and automatic sendings are not among
them, since no page gives their paths and bodies; they are answered 404.
"""

from __future__ import annotations

from providers.inbound import Quota, Route

from . import wire, wire_apps, wire_devices, wire_pushes, wire_sends

MAX_DEVICE_BYTES = 64 * 1024  # what an app on a device says of itself is short
MAX_BYTES = 1_000_000
QUOTAS: dict[str, Quota] = {}  # the vendor documents no limit

SENDS = (
    Route(
        method="POST",
        path=wire.INSTANT_PATH,
        read=wire_sends.read_instant,
        write=wire_sends.write_sent,
        max_bytes=MAX_BYTES,
    ),
    Route(
        method="POST",
        path=wire.ONESENDS_PATH,
        read=wire_sends.read_onesend,
        write=wire_sends.write_created,
        max_bytes=MAX_BYTES,
    ),
    Route(
        method="GET",
        path=wire.ONESEND_PATH,
        read=wire_sends.read_fetch,
        write=wire_sends.write_fetched,
    ),
    Route(
        method="PUT",
        path=wire.BIND_PATH,
        read=wire_sends.read_bind,
        write=wire_sends.write_bound,
        max_bytes=MAX_BYTES,
    ),
)
PUSHES = (
    Route(
        method="POST",
        path=wire.PUSHES_PATH,
        read=wire_pushes.read_create,
        write=wire_pushes.write_created,
        max_bytes=MAX_BYTES,
    ),
    Route(
        method="GET",
        path=wire.PUSH_PATH,
        read=wire_pushes.read_fetch,
        write=wire_pushes.write_fetched,
    ),
    Route(
        method="PUT",
        path=wire.PUSH_PATH,
        read=wire_pushes.read_update,
        write=wire_pushes.write_updated,
        max_bytes=MAX_BYTES,
    ),
    Route(
        method="DELETE",
        path=wire.PUSH_PATH,
        read=wire_pushes.read_delete,
        write=wire_pushes.write_done,
    ),
    *(
        Route(
            method="POST", path=f"{wire.PUSH_PATH}/{verb}", read=read, write=wire_pushes.write_done
        )
        for verb, read in (
            ("activate", wire_pushes.read_activate),
            ("deactivate", wire_pushes.read_deactivate),
        )
    ),
)
APPS = (
    Route(
        method="GET", path=wire.APPS_PATH, read=wire_apps.read_list_apps, write=wire_apps.write_apps
    ),
    Route(
        method="GET",
        path=wire.APP_PATH,
        read=wire_apps.read_fetch_app,
        write=wire_apps.write_fetched_app,
    ),
    Route(
        method="GET",
        path=wire.GROUPS_PATH,
        read=wire_apps.read_list_groups,
        write=wire_apps.write_groups,
    ),
    Route(
        method="GET",
        path=wire.GROUP_PATH,
        read=wire_apps.read_fetch_group,
        write=wire_apps.write_fetched_group,
    ),
    *(
        Route(method=method, path=path, read=wire_apps.refuse_change, write=wire_pushes.write_done)
        for many, one in (
            (wire.APPS_PATH, wire.APP_PATH),
            (wire.GROUPS_PATH, wire.GROUP_PATH),
        )
        for method, path in (
            ("POST", many),
            ("PUT", one),
            ("DELETE", one),
            ("POST", f"{one}/archive"),
            ("POST", f"{one}/unarchive"),
        )
    ),
)
EVENTS = (
    Route(
        method="POST",
        path=wire.EVENTS_PATH,
        read=wire_apps.read_create_event,
        write=wire_apps.write_created_event,
        max_bytes=MAX_BYTES,
    ),
    Route(
        method="GET",
        path=wire.EVENTS_PATH,
        read=wire_apps.read_list_events,
        write=wire_apps.write_events,
    ),
    Route(
        method="GET",
        path=wire.EVENT_PATH,
        read=wire_apps.read_fetch_event,
        write=wire_apps.write_fetched_event,
    ),
    Route(
        method="PUT",
        path=wire.EVENT_PATH,
        read=wire_apps.read_update_event,
        write=wire_apps.write_fetched_event,
        max_bytes=MAX_BYTES,
    ),
    Route(
        method="DELETE",
        path=wire.EVENT_PATH,
        read=wire_apps.read_delete_event,
        write=wire_pushes.write_done,
    ),
    *(
        Route(
            method="POST", path=f"{wire.EVENT_PATH}/{verb}", read=read, write=wire_pushes.write_done
        )
        for verb, read in (
            ("activate", wire_apps.read_activate_event),
            ("deactivate", wire_apps.read_deactivate_event),
        )
    ),
)
DEVICES = (
    Route(
        method="POST",
        path=wire.QUERY_PATH,
        read=wire_devices.read_query,
        write=wire_devices.write_found,
        max_bytes=MAX_BYTES,
    ),
    Route(
        method="POST",
        path=wire.INSTANCES_PATH,
        read=wire_devices.read_register,
        write=wire_devices.write_registered,
        is_open=True,
        max_bytes=MAX_DEVICE_BYTES,
    ),
    Route(
        method="PUT",
        path=f"{wire.INSTANCE_PATH}/info",
        read=wire_devices.read_update,
        write=wire_devices.write_updated,
        is_open=True,
        max_bytes=MAX_DEVICE_BYTES,
    ),
    Route(
        method="POST",
        path=f"{wire.INSTANCE_PATH}/events/notification",
        read=wire_devices.read_notification,
        write=wire_devices.write_noted,
        is_open=True,
        max_bytes=MAX_DEVICE_BYTES,
    ),
    Route(
        method="POST",
        path=f"{wire.INSTANCE_PATH}/events/lifecycle",
        read=wire_devices.read_lifecycle,
        write=wire_devices.write_noted,
        is_open=True,
        max_bytes=MAX_DEVICE_BYTES,
    ),
)
ROUTES = (*SENDS, *PUSHES, *APPS, *EVENTS, *DEVICES)
