"""Which images are told, and of which nothing is claimed."""

import pytest

from tests.unit.manifests.clusters import Manifest, a_cluster, problems, said, spoiled

HEAD = "spec.headGroupSpec"
GAME = "spec.workerGroupSpecs.0"
CONTAINER = "template.spec.containers.0"


@pytest.mark.parametrize(
    "image",
    [
        "crabstick",
        "crabstick:0.1.0",
        "ghcr.io/me/crab_stick:1.0-rc.1",
        "localhost:5000/a/b/c:latest",
        "Registry.Example.com/crabstick:1",
        "123456789012.dkr.ecr.eu-west-1.amazonaws.com/chess/crabstick:v1",
        f"ghcr.io/me/crabstick@sha256:{'0a' * 32}",
        f"ghcr.io/me/crabstick:1@sha256:{'0a' * 32}",
    ],
)
def test_an_image_may_come_from_any_registry(image: str) -> None:
    cluster = a_cluster()
    for group in (HEAD, GAME):
        cluster = spoiled(f"{group}.{CONTAINER}.image", image, cluster)
    assert problems(cluster) == []


def with_image(image: str) -> Manifest:
    cluster = spoiled(f"{HEAD}.{CONTAINER}.image", image)
    return spoiled(f"{GAME}.{CONTAINER}.image", image, cluster)


def with_code(cluster: Manifest) -> Manifest:
    """The cluster whose nodes get this program by a volume."""
    for group in (HEAD, GAME):
        path = {"name": "PYTHONPATH", "value": "/code"}
        cluster = spoiled(f"{group}.{CONTAINER}.env.+", path, cluster)
    return cluster


@pytest.mark.parametrize(
    "image",
    [
        "rayproject/ray:2.60.0",
        "rayproject/ray:2.60.0-py311-cpu",
        "rayproject/ray-ml:2.60.0-extra-py311",
        f"mirror.example.com/rayproject/ray:2.60.0-py311@sha256:{'0a' * 32}",
    ],
)
def test_an_image_of_ray_s_own_in_the_right_version_is_fine(image: str) -> None:
    assert said("Ray", with_code(with_image(image))) == ["2.60.0, as here"]


@pytest.mark.parametrize("tag", ["", ":latest", ":nightly", ":nightly-py311", ":2.60", ":2.59"])
def test_a_tag_that_is_another_ray_tomorrow_is_named(tag: str) -> None:
    image = f"rayproject/ray{tag}"
    first, _ = problems(with_code(with_image(image)))
    assert f"containers[0].image is {image}, which is another Ray tomorrow" in first
    assert first.endswith("write a whole version, such as 2.60.0-py311")


@pytest.mark.parametrize(
    "image",
    [
        "me/crabstick:ray2.59.0",
        "me/ray-bot:1.0.0",
        "me/ray:1",
        "registry.corp.local/chess/ray:1.4.2",
        "ray:2.59.1",
        "rayproject/rays",
        f"registry.corp.local/ray@sha256:{'0a' * 32}",
    ],
)
def test_which_ray_an_image_holds_is_not_claimed_where_nobody_can_see_it(image: str) -> None:
    assert said("Ray", with_image(image)) == [
        f"rayVersion 2.60.0, as here; which Ray the image {image} holds was not looked at"
    ]


@pytest.mark.parametrize(
    "image",
    [
        "rayproject/ray",
        "rayproject/ray:2.60.0-py311",
        "rayproject/ray-ml:2.59.1",
        "docker.io/rayproject/ray:nightly",
        f"mirror.example.com/hub/rayproject/ray@sha256:{'0a' * 32}",
    ],
)
def test_an_image_without_this_program_is_named_once(image: str) -> None:
    (found,) = problems(with_image(image))
    assert found == (
        f"Ray: {HEAD}.template.spec.containers[0].image is {image}, which holds Ray and no "
        "crabstick: build an image with kuberay/Dockerfile and name that one, also for game"
    )


def test_a_group_without_this_program_is_named_beside_a_head_that_has_it() -> None:
    (found,) = said("Ray", spoiled(f"{GAME}.{CONTAINER}.image", "rayproject/ray:2.60.0"))
    assert found.startswith("spec.workerGroupSpecs[0].template.spec.containers[0].image is ")
    assert found.endswith(" and name that one")


def test_the_autoscaler_needs_ray_alone() -> None:
    assert problems(spoiled("spec.autoscalerOptions.image", "rayproject/ray:2.60.0-py311")) == []


def test_of_a_digest_beside_code_of_one_s_own_nothing_is_claimed() -> None:
    image = f"rayproject/ray@sha256:{'0a' * 32}"
    (line,) = said("Ray", with_code(with_image(image)))
    assert line.endswith(f"which Ray the image {image} holds was not looked at")


@pytest.mark.parametrize("image", ["example.com/slim:1", "example.com:5000/slim"])
def test_images_of_two_places_are_told(image: str) -> None:
    cluster = with_image("example.com:5000/crabstick")
    cluster = spoiled(f"{GAME}.{CONTAINER}.image", image, cluster)
    assert problems(cluster) == []
    assert said("Ray", cluster) == [
        (
            f"the image of game is {image}, and the head's is example.com:5000/crabstick: "
            "whether both hold the same Ray and the same code was not looked at"
        )
    ]


def test_a_placeholder_is_told_and_is_no_problem() -> None:
    cluster = a_cluster()
    for group in (HEAD, GAME):
        cluster = spoiled(f"{group}.{CONTAINER}.image", "registry.example/crabstick:1", cluster)
    assert problems(cluster) == []
    assert "is a placeholder" in said("Ray", cluster)[0]
