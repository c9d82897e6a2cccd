"""Links between devices of one kind, and the steps of collectives over them."""
