"""Why a table model answers as it does: what each column adds to an answer, as a further output of the model."""
