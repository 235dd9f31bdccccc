"""Makes models: data, pretraining of the nano, fine-tuning of any base."""
