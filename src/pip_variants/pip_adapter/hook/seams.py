"""Which places of pip are replaced, and with what; the table that `attach` works through."""

from typing import NamedTuple


class Seam(NamedTuple):
    """One place of pip, as `module:name`; modules are those of `pip._internal`, but for `pip.…`.

    `parameters` must be among those of the function that is found there. `replacement` is a module
    of ours, with a function that has the name of pip's (without underscores at its ends), unless
    it names another one, as `module:function`. It is called as pip calls the place, and with what
    was there before as `original`. `when` is a function of `conditions`: until it is true of the
    arguments of a call, the original runs and the module of the replacement is not even loaded.

    Without what is `needed_by` everything, no label is accepted; else it names the commands of pip
    that know less of variants without it. pip has the place from version `since` on, and no more
    in version `until`; of the two backends that read metadata it uses one.
    """

    place: str
    parameters: str
    replacement: str
    needed_by: str
    when: str = ""
    since: tuple[int, ...] = ()
    until: tuple[int, ...] = ()

    @property
    def module(self) -> str:
        """The module of pip."""
        module = self.place.partition(":")[0]
        return module if module.startswith("pip.") else f"pip._internal.{module}"

    @property
    def name(self) -> str:
        """What is replaced in it, such as `Class.method`."""
        return self.place.partition(":")[2]

    @property
    def where(self) -> str:
        """The place, for messages."""
        return f"{self.module}.{self.name}"

    @property
    def function(self) -> tuple[str, str]:
        """The module of ours and the function in it."""
        module, _, function = self.replacement.partition(":")
        return module, function or self.name.rpartition(".")[2].strip("_")

    @property
    def is_critical(self) -> bool:
        """Whether no label is accepted without it."""
        return self.needed_by == ALL


ALL = "everything"
INSTALL = "install download wheel"
RESOLVE = "install download wheel lock"

OF_INDEX_SETS = "names_index_sets"
"""The condition of what is loaded for index sets alone."""

OF_THE_RUN = (OF_INDEX_SETS, "names_several_targets")
"""The conditions of which a run's options decide: what they are for is not loaded otherwise."""

OF_OPTIONS = "cli.cmdoptions:make_option_group"
"""The one place that is replaced in a pip that is told to do without variants, too."""

# fmt: off
SEAMS = (
    # The run and its options.
    Seam("cli.base_command:Command.main", "self args", "hook.options", ALL),
    Seam("cli.base_command:Command.parse_args", "self args", "hook.options", ALL),
    Seam(OF_OPTIONS, "group parser", "hook.options", ALL),
    Seam("index.collector:LinkCollector.create", "cls session options suppress_no_index",
         "hook.options", ALL),

    # Names of wheels. Modules that took packaging's function over by name are told apart.
    Seam("models.wheel:Wheel.__init__", "self filename", "hook.wheel_names", ALL),
    Seam("index.sources:parse_wheel_filename", "filename", "hook.wheel_names:parse_in_folder", ALL,
         since=(24, 0)),
    Seam("req.constructors:parse_wheel_filename", "filename", "hook.wheel_names", INSTALL,
         since=(26, 1)),
    Seam("pip._vendor.packaging.pylock:parse_wheel_filename", "filename", "hook.wheel_names",
         RESOLVE, since=(26, 1)),
    Seam("cache:SimpleWheelCache.get", "self link", "hook.wheel_names", ALL),

    # Finding and choosing.
    Seam("cli.req_command:RequirementCommand.get_requirements", "self args options finder session",
         "hook.finding", ALL),
    Seam("index.collector:LinkCollector.collect_sources", "self project_name candidates_from_page",
         "indexes.builds", ALL, OF_INDEX_SETS),
    Seam("index.package_finder:PackageFinder.evaluate_links", "self link_evaluator links",
         "hook.finding", ALL),
    Seam("index.package_finder:PackageFinder.find_best_candidate",
         "self project_name specifier hashes", "hook.finding", ALL),
    Seam("index.package_finder:CandidateEvaluator.compute_best_candidate", "self candidates",
         "variants.candidates", ALL, "seen"),
    Seam("index.package_finder:CandidateEvaluator.sort_best_candidate", "self candidates",
         "variants.candidates", ALL, "seen"),
    Seam("resolution.resolvelib.found_candidates:FoundCandidates.__init__",
         "self get_infos installed prefers_installed incompatible_ids", "hook.finding", ALL),
    Seam("resolution.resolvelib.resolver:Resolver.resolve",
         "self root_reqs check_supported_wheels", "hook.finding", ALL),
    Seam("commands.index:IndexCommand._build_package_finder", "self options session",
         "hook.finding", "index"),

    # Wheels at hand.
    Seam("operations.prepare:RequirementPreparer._prepare_linked_requirement",
         "self req parallel_builds", "variants.wheels", ALL, "seen"),
    Seam("wheel_builder:_verify_one", "req wheel_path", "variants.wheels", ALL, "looks_labelled"),
    Seam("operations.install.wheel:_install_wheel", "name wheel_zip wheel_path scheme",
         "variants.wheels", INSTALL, "seen"),
    Seam("operations.prepare:RequirementPreparer._log_preparing_link", "self req",
         "variants.telling", RESOLVE, "seen"),

    # Dependencies.
    Seam("operations.prepare:RequirementPreparer._fetch_metadata_only", "self req",
         "variants.dependencies", ALL, "seen"),
    Seam("metadata.importlib._dists:Distribution.iter_dependencies", "self extras",
         "variants.dependencies", ALL, "may_have_other_dependencies"),
    *(Seam(f"metadata.pkg_resources:Distribution.{name}", "self",
           "variants.dependencies:with_resolved_requirements", ALL, "may_have_others_in_message",
           since, until)
      for name, since, until in (("iter_dependencies", (), ()), ("iter_provided_extras", (), ()),
                                 ("is_extra_provided", (23, 3), (24, 1)))),
    Seam("metadata.base:BaseDistribution.iter_raw_dependencies", "self", "variants.dependencies",
         "show install", "has_variant_markers", since=(24, 1)),

    # Locks.
    Seam("models.pylock:tomli_w", "", "hook.finding", "lock", since=(25, 1), until=(26, 0)),
    Seam("commands.lock:tomli_w", "", "hook.finding", "lock", since=(26, 0)),
    Seam("pip._vendor.packaging.pylock:Pylock.from_dict", "cls d", "variants.locks", INSTALL,
         "locks_variants", since=(26, 0)),

    # Several targets.
    Seam("commands.lock:LockCommand.run", "self options args", "variants.several:lock", "lock",
         "names_several_targets", since=(25, 1)),
    Seam("commands.download:DownloadCommand.run", "self options args",
         "variants.several:download", "download", "names_several_targets"),

    # Output.
    Seam("models.installation_report:InstallationReport._install_req_to_dict", "cls ireq",
         "variants.installed", "install", "seen"),
    Seam("commands.inspect:InspectCommand._dist_to_dict", "self dist", "variants.installed",
         "inspect", "any_is_variant"),
    Seam("commands.list:format_for_json", "packages options", "variants.installed", "list",
         "any_is_variant"),
    Seam("commands.list:format_for_columns", "pkgs options", "variants.installed", "list",
         "any_is_variant"),
    Seam("commands.show:print_results", "distributions", "variants.installed", "show",
         "any_installed_is_variant"),
    Seam("commands.check:create_package_set_from_installed", "", "variants.installed", "check",
         "any_installed_is_variant"),

    # The pips that pip starts.
    Seam("build_env:get_runnable_pip", "", "hook.children", RESOLVE, until=(26, 2)),
    Seam("utils.misc:get_runnable_pip", "", "hook.children", RESOLVE, since=(26, 2)),
    Seam("build_env:call_subprocess", "cmd extra_environ", "hook.children", RESOLVE,
         until=(26, 2)),
    Seam("build_env.installer:call_subprocess", "cmd extra_environ", "hook.children", RESOLVE,
         since=(26, 2)),
    Seam("cli.main_parser:subprocess", "", "hook.children:main_parser_subprocess", RESOLVE),
    Seam("build_env:InprocessBuildEnvironmentInstaller.install", "self",
         "hook.children", RESOLVE, since=(26, 0), until=(26, 2)),
    Seam("build_env.installer:InprocessBuildEnvironmentInstaller.install", "self",
         "hook.children", RESOLVE, since=(26, 2)),
)

# What the replacements rely on beside the seams: places of pip, and names that they must use,
# attributes with a point before them and keywords with a sign behind them.
ASSUMPTIONS = (
    ("resolution.resolvelib.factory:Factory._iter_found_candidates", ".partial link= name="),
    ("resolution.resolvelib.factory:Factory._make_candidate_from_link", "template"),
    ("resolution.resolvelib.resolver:Resolver.__init__", ".factory"),
    ("resolution.resolvelib.factory:Factory.__init__", ".preparer"),
    ("index.package_finder:PackageFinder.__init__", "._link_collector"),
    ("index.package_finder:CandidateEvaluator.__init__", "._hashes"),
    ("index.package_finder:CandidateEvaluator._sort_key", ""),
    ("index.package_finder:CandidateEvaluator.get_applicable_candidates", ""),
    ("index.package_finder:PackageFinder.find_all_candidates", ""),
    ("index.collector:LinkCollector.__init__", ".session"),
    ("index.collector:_get_index_content", "session"),
    ("models.link:Link.__init__", "._hashes .comes_from ._url"),
    *((f"models.link:Link.{name}", "") for name in (
        "url", "filename", "url_without_fragment", "is_wheel", "is_file", "file_path", "is_yanked",
        "is_hash_allowed", "metadata_link")),
    ("models.wheel:Wheel.__init__", ".file_tags"),
    ("operations.prepare:RequirementPreparer.prepare_linked_requirements_more",
     ".needs_more_preparation"),
    ("req.req_install:InstallRequirement.__init__", ".link .hash_options .local_file_path"),
    ("req.req_install:InstallRequirement.hashes", "trust_internet"),
    ("req.req_set:RequirementSet.__init__", ".requirements"),
    ("cli.cmdoptions:general_group", ""),
    ("cli.cmdoptions:index_group", ""),
    ("metadata.base:BaseDistribution.read_text", ""),
    ("metadata.pkg_resources:Distribution.__init__", "._dist"),
    ("exceptions:MetadataInconsistent.__init__", ".m_val"),
)

ASSUMPTIONS_OF_INDEX_SETS = (
    ("index.collector:_get_simple_response", "session"),
    ("index.collector:_make_index_content", "cache_link_parsing"),
    ("resolution.resolvelib.resolver:Resolver.__init__", "._result"),
)
# fmt: on

OPTIONS = ("require_hashes", "platforms", "python_version", "abis", "implementation")
"""Options of pip that are read by their names; a wrong one would count as not given."""
