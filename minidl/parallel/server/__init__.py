"""The parameter server: some ranks hold the weights, the others fetch them and push gradients."""
