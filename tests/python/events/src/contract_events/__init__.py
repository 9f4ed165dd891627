"""What teams tell each other: every event goes in an envelope."""


def envelope(event_id, kind, payload):
    return {"event_id": event_id, "type": kind, "version": 1, "payload": payload}
