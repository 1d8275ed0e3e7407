"""n-grams: counting them, and models made of the counts. Only arrays are used, no autograd."""
