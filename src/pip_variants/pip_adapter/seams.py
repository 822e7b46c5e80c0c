"""Which places of pip are replaced, and with what; the table that `attach` works through."""

from typing import NamedTuple

__all__ = ["ASSUMPTIONS", "SEAMS", "Seam"]


class Seam(NamedTuple):
    """One place of pip.

    `parameters` must be among those of the function that is found there. `replacement` names a
    function of this folder, as `module:function`, which gets the original and returns what to put
    in its place. `when` names a function of `conditions`: until it is true of the arguments of a
    call, the original runs and the replacement's module is not even loaded.
    Without a `critical` seam no label is accepted; the others are missing in some versions of pip.
    """

    module: str
    name: str
    parameters: tuple[str, ...]
    replacement: str
    when: str = ""
    critical: bool = False


_FINDER = "pip._internal.index.package_finder"
_PREPARE = "pip._internal.operations.prepare"
_LOCKS_NOW = "pip._internal.utils.pylock"  # since pip 26.0
_LOCKS_THEN = "pip._internal.models.pylock"  # pip 25.1 to 25.3
_LOCK_MODEL = "pip._vendor.packaging.pylock"  # since pip 26.0
_IMPORTLIB = "pip._internal.metadata.importlib._dists"  # Python 3.11 and later
_PKG_RESOURCES = "pip._internal.metadata.pkg_resources"  # Python 3.10

SEAMS = (
    # Names of wheels. Modules that took packaging's function over by name are told apart.
    Seam(
        "pip._internal.models.wheel",
        "Wheel.__init__",
        ("self", "filename"),
        "names:wheel_init",
        critical=True,
    ),
    Seam("pip._internal.index.sources", "parse_wheel_filename", (), "names:parse_wheel_filename"),
    Seam(
        "pip._internal.req.constructors", "parse_wheel_filename", (), "names:parse_wheel_filename"
    ),
    Seam(_LOCK_MODEL, "parse_wheel_filename", (), "names:parse_wheel_filename"),
    Seam(
        "pip._internal.cache",
        "SimpleWheelCache.get",
        ("self", "link"),
        "names:wheel_cache_get",
        critical=True,
    ),
    # Finding and choosing.
    Seam(
        _FINDER,
        "PackageFinder.evaluate_links",
        ("self", "link_evaluator", "links"),
        "pages:evaluate_links",
        critical=True,
    ),
    Seam(
        _FINDER,
        "CandidateEvaluator.compute_best_candidate",
        ("self", "candidates"),
        "ranking:compute_best_candidate",
        "seen",
        critical=True,
    ),
    Seam(
        _FINDER,
        "CandidateEvaluator.sort_best_candidate",
        ("self", "candidates"),
        "ranking:sort_best_candidate",
        "seen",
        critical=True,
    ),
    Seam(
        "pip._internal.resolution.resolvelib.found_candidates",
        "FoundCandidates.__init__",
        ("self", "get_infos", "installed", "prefers_installed", "incompatible_ids"),
        "pages:found_candidates_init",
        critical=True,
    ),
    Seam(
        "pip._internal.commands.index",
        "IndexCommand._build_package_finder",
        ("self", "options", "session"),
        "pages:build_package_finder",
    ),
    # Wheels at hand.
    Seam(
        _PREPARE,
        "RequirementPreparer._prepare_linked_requirement",
        ("self", "req", "parallel_builds"),
        "direct:prepare_linked_requirement",
        "seen",
        critical=True,
    ),
    Seam(
        "pip._internal.wheel_builder",
        "_verify_one",
        ("req", "wheel_path"),
        "direct:verify_one",
        "looks_labelled",
        critical=True,
    ),
    Seam(
        _PREPARE,
        "RequirementPreparer._log_preparing_link",
        ("self", "req"),
        "report:log_preparing_link",
        "seen",
    ),
    # Markers.
    Seam(
        _PREPARE,
        "RequirementPreparer._fetch_metadata_only",
        ("self", "req"),
        "markers:fetch_metadata_only",
        "seen",
        critical=True,
    ),
    Seam(
        _IMPORTLIB,
        "Distribution.iter_dependencies",
        ("self", "extras"),
        "markers:iter_dependencies",
        "may_have_other_dependencies",
    ),
    *(
        Seam(
            _PKG_RESOURCES,
            f"Distribution.{name}",
            ("self",),
            "markers:with_resolved_requirements",
            "may_have_others_in_message",
        )
        for name in ("iter_dependencies", "iter_provided_extras", "is_extra_provided")
    ),
    Seam(
        "pip._internal.metadata.base",
        "BaseDistribution.iter_raw_dependencies",  # since pip 24.1
        ("self",),
        "markers:iter_raw_dependencies",
        "has_variant_markers",
    ),
    # Locks.
    Seam(
        _LOCKS_NOW,
        "pylock_from_install_requirements",
        ("install_requirements", "base_dir"),
        "locks:from_install_requirements",
        "seen",
    ),
    Seam(
        _LOCKS_THEN,
        "Pylock.from_install_requirements",
        ("cls", "install_requirements", "base_dir"),
        "locks:from_install_requirements",
        "seen",
    ),
    Seam(_LOCKS_THEN, "Pylock.as_toml", ("self",), "locks:as_toml", "seen"),
    Seam(_LOCK_MODEL, "Pylock.to_dict", ("self",), "locks:to_dict", "seen"),
    Seam(_LOCK_MODEL, "Pylock.from_dict", ("cls", "d"), "locks:from_dict", "locks_variants"),
    # Output.
    Seam(
        "pip._internal.models.installation_report",
        "InstallationReport._install_req_to_dict",
        ("cls", "ireq"),
        "listing:install_req_to_dict",
        "seen",
    ),
    Seam(
        "pip._internal.commands.inspect",
        "InspectCommand._dist_to_dict",
        ("self", "dist"),
        "listing:dist_to_dict",
        "any_is_variant",
    ),
    Seam(
        "pip._internal.commands.list",
        "format_for_json",
        ("packages", "options"),
        "listing:format_for_json",
        "any_is_variant",
    ),
    Seam(
        "pip._internal.commands.list",
        "format_for_columns",
        ("pkgs", "options"),
        "listing:format_for_columns",
        "any_is_variant",
    ),
    Seam(
        "pip._internal.commands.show", "print_results", ("distributions",), "listing:print_results"
    ),
    Seam(
        "pip._internal.commands.check",
        "create_package_set_from_installed",
        (),
        "check:create_package_set_from_installed",
        "any_installed_is_variant",
    ),
    # Options, and the pips that pip starts.
    Seam(
        "pip._internal.cli.cmdoptions",
        "make_option_group",
        ("group", "parser"),
        "options:make_option_group",
    ),
    Seam(
        "pip._internal.index.collector",
        "LinkCollector.create",
        ("cls", "session", "options"),
        "options:link_collector_create",
        critical=True,
    ),
    Seam(
        "pip._internal.build_env",  # up to pip 26.1
        "get_runnable_pip",
        (),
        "runner:get_runnable_pip",
    ),
    Seam(
        "pip._internal.utils.misc",  # since pip 26.2
        "get_runnable_pip",
        (),
        "runner:get_runnable_pip",
    ),
    Seam(
        "pip._internal.build_env",  # since pip 26.0
        "InprocessBuildEnvironmentInstaller.install",
        ("self",),
        "options:install_for_build",
    ),
)

# What the replacements rely on beside the seams: names that this code of pip must use.
ASSUMPTIONS = (
    (
        "pip._internal.resolution.resolvelib.factory",
        "Factory._iter_found_candidates",
        ("partial", "link", "template", "name"),
    ),
    (_FINDER, "PackageFinder.__init__", ("_link_collector",)),
    (_FINDER, "CandidateEvaluator.__init__", ("_hashes",)),
    ("pip._internal.index.collector", "LinkCollector.__init__", ("session",)),
    ("pip._internal.models.link", "Link.__init__", ("_hashes", "comes_from", "_url")),
)
