"""How each kind of agent is started and spoken to; one file a kind."""
