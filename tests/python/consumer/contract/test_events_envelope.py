"""What the consumer needs of the events that it is built on."""

import unittest

from contract_consumer import done


class Envelope(unittest.TestCase):
    def test_has_what_readers_look_for(self):
        self.assertIn("event_id", done("WP01"))

    def test_keeps_the_payload(self):
        self.assertEqual(done("WP01")["payload"], {"work_package": "WP01"})
