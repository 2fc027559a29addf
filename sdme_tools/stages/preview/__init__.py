"""Pictures in which a person sees at a glance whether an utterance is bound to the right face."""
