"""Training, evaluating and predicting with models."""
