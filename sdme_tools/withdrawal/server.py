"""Tasks on the annotation server that show somebody who withdraws: found by key, deleted with their answers."""

from collections.abc import Sequence
from pathlib import PurePosixPath

from sdme_tools.annotation.label_studio import Studio, StudioMissingError
from sdme_tools.annotation.tasks import TASK_KEY
from sdme_tools.errors import AnnotationError, raise_together
from sdme_tools.records.withdrawal import ServerTasks


def require_server(tasks: Sequence[ServerTasks], studio: Studio | None) -> None:
    """Refuse to begin where tasks lie on a server that is not at hand.

    Raises:
        AnnotationError: no server was given, another one, or it does not answer.
    """
    if not tasks:
        return
    if studio is None:
        raise AnnotationError(
            f"tasks of {', '.join(dict.fromkeys(t.round_id for t in tasks))} are on a Label Studio server",
            cure="name the server, or leave its tasks to people",
        )
    others = dict.fromkeys(t.server for t in tasks if t.server != studio.connection.name)
    raise_together(
        AnnotationError,
        f"tasks are on another server than {studio.connection.url}:",
        others,
        cure="name that one with --url, or leave its tasks to people with --without-server",
    )
    studio.check_version()


def delete_tasks(studio: Studio, tasks: ServerTasks) -> None:
    """Delete the tasks with their answers, and the copies of their media where the server keeps some.

    Done again it finds nothing more to delete.

    Raises:
        AnnotationError: the server refuses or does not answer.
    """
    keys, media = set(tasks.task_keys), set(tasks.media)
    try:
        found = [task.task_id for task in studio.tasks(tasks.project_id) if task.data.get(TASK_KEY) in keys]
        for task_id in found:
            studio.change(
                f"deleting a task of project {tasks.project_id}",
                lambda sdk, task_id=task_id: sdk.tasks.delete(id=str(task_id)),  # type: ignore[misc]
            )
        for file in studio.read("uploaded files", lambda sdk: sdk.files.list(id=tasks.project_id, all_=True)):
            # The server puts eight characters and a dash before each name.
            if file.id is not None and PurePosixPath(str(file.file)).name[9:] in media:
                studio.change(
                    f"deleting an uploaded file of project {tasks.project_id}",
                    lambda sdk, file_id=file.id: sdk.files.delete(id=file_id),  # type: ignore[misc]
                )
    except StudioMissingError:
        return  # the project is gone, and its tasks with it
