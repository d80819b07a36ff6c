"""What captioners say of videos: predictions, written so that a run can be stopped and gone on with."""
