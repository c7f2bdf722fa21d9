"""Two versions that answered different scenarios, drawn at random: permutations of the draw."""
