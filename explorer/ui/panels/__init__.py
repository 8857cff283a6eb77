"""One file a panel, one function: render(engine, session)."""
