"""Lightning's own words, which are about loaders and loggers that kantor has replaced."""

import logging
import warnings


def quiet_lightning() -> None:
    """Leave them out."""
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", module="pytorch_lightning")
    warnings.filterwarnings("ignore", module="lightning_fabric")
