"""The front door: parses arguments, joins the parts, prints errors. Holds no behaviour of its own."""
