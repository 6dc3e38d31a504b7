"""What each worker of a Ray of ours does at its start: RAY_preload_python_modules names this file.

To Ray an import is all that there is to do, so it is done by the import.
"""

from actors.local_ray.trim_heap import start_trimming

start_trimming()
