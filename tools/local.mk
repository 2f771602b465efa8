# tools: discsi, the operator's command.
