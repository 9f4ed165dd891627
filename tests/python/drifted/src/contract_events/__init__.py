"""The same package, one field of the envelope short: what a contract test is there to notice."""


def envelope(event_id, kind, payload):
    return {"type": kind, "version": 1, "payload": payload}
