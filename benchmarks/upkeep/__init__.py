"""Looking after a store: what is wrong with it and its surroundings, and what in it nobody needs."""
