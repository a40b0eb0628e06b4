"""One door to the model APIs for any kind of agent: windows get short-lived tokens, the keys stay here."""
