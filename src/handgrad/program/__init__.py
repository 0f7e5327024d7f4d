"""Programs: typed statements built from a recording, plans of buffers, printers, the function that runs."""
