"""Prints every fault of the XML on standard input against the schema that is named, a line each."""

import sys
import xml.etree.ElementTree as ElementTree

import xmlschema

schema = xmlschema.XMLSchema(sys.argv[1])
for fault in schema.iter_errors(ElementTree.fromstring(sys.stdin.read())):
    print(f"{fault.path}: {fault.reason}")
