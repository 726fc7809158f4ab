// Staff pages: fields that belong to one vendor, and the credentials that are shown once.
