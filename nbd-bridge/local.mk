# nbd-bridge: discsi-nbd, one LUN as an NBD export.
