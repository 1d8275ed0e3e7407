import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # helpers_data: worker processes get this path too
