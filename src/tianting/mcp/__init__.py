"""Tools of other programs, spoken to by the Model Context Protocol, look like ours."""
