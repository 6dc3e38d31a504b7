"""Imported by each worker of a local Ray cluster at its start (RAY_preload_python_modules).

Ray only imports the module, so the import itself does the work.
"""

from actors.local_ray.low_memory_launcher import start_trimming

start_trimming()
