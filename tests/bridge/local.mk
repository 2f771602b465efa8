# tests/bridge: discsi-nbd with NBD clients.
