# examples: short programs that teach one thing each.
