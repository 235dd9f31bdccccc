"""Asks a problem again under other names, so that a model that knows the published text has nothing from it."""

from training.evaluation.renaming.binding import Binding, CannotRename, Namer, Renamed
from training.evaluation.renaming.model import ModelNamer
from training.evaluation.renaming.translate import rename
from training.evaluation.renaming.vocabulary import Vocabulary

__all__ = ["Binding", "CannotRename", "ModelNamer", "Namer", "Renamed", "Vocabulary", "rename"]
