# docs: man pages and the description of the design.
