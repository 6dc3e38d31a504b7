"""Which labels a Kubernetes selector matches; without one it matches nothing here."""

from tests.contract.kuberay.pods import Pod
from tests.contract.manifests import Manifest


def matches(selector: Manifest | None, labels: dict[str, str]) -> bool:
    """As the API server decides; an empty selector matches everything."""
    if selector is None:
        return False
    unknown = set(selector) - {"matchLabels", "matchExpressions"}
    assert not unknown, f"no words of a selector: {unknown}"
    wanted = selector.get("matchLabels", {})
    return all(labels.get(key) == value for key, value in wanted.items()) and all(
        _holds(expression, labels) for expression in selector.get("matchExpressions", ())
    )


def selected(selector: Manifest | None, namespace: str, pods: list[Pod]) -> set[str]:
    """The roles of the Pods in that namespace that are meant."""
    return {
        pod.role for pod in pods if pod.namespace == namespace and matches(selector, pod.labels)
    }


def _holds(expression: Manifest, labels: dict[str, str]) -> bool:
    value = labels.get(expression["key"])
    match expression["operator"]:
        case "In":
            return value in expression["values"]
        case "NotIn":
            return value not in expression["values"]
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case other:
            raise AssertionError(f"no operator of a selector: {other}")
