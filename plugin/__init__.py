"""gcvos in FiftyOne: carry annotations through videos."""
