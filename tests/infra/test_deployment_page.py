"""docs/deployment.md names what is there: outputs, variables, files, resources."""

import re

import yaml

from devstack.machine.setup import ROOT
from tests.support.bicep import PINNED
from tests.support.terraform.core import STACK

PAGE = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
BICEP = ROOT / "infra" / "bicep"
MAIN = (BICEP / "main.bicep").read_text(encoding="utf-8")
PARAMETERS = (BICEP / "main.bicepparam").read_text(encoding="utf-8")
MODULES = "".join(path.read_text(encoding="utf-8") for path in sorted((BICEP / "modules").glob("*.bicep")))


def section(heading: str) -> str:
    text = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    assert text, heading
    return text


def test_every_variable_is_read_by_the_parameter_file() -> None:
    named = re.findall(r"azd env set (\w+)", PAGE)
    assert named
    assert [name for name in named if f"readEnvironmentVariable('{name}'" not in PARAMETERS] == []


def test_every_variable_that_has_no_default_is_named() -> None:
    needed = re.findall(r"readEnvironmentVariable\('(BC_\w+)', ''\)", PARAMETERS)
    assert sorted(needed) == ["BC_COMPANY", "BC_ENVIRONMENT", "BC_TENANT_ID"]
    assert [name for name in needed if f"azd env set {name} " not in PAGE] == []


def test_every_output_exists() -> None:
    named = set(re.findall(r"`((?:AZURE|IDENTITY)_\w+)`", PAGE))
    assert len(named) == 5
    assert named <= set(re.findall(r"^output (\w+)", MAIN, re.MULTILINE))


def test_the_operators_file_comes_from_either_tool() -> None:
    """Azure changes the case of the outputs' names, so the right one is known by what is in it."""
    text = section("The first picture")
    (query,) = re.findall(r'az deployment sub show .*--query "([^"]+)"', " ".join(commands(text)))
    assert query == "properties.outputs.*.value | [?functionApp] | [0]"
    installations = re.findall(r"^output INSTALLATION \w+ = \{\n(.*?)^\}", MAIN, re.DOTALL | re.MULTILINE)
    assert ["\n  functionApp:" in f"\n{each}" for each in installations] == [True]
    assert "terraform -chdir=infra/terraform output -json INSTALLATION" in commands(text)


def test_every_file_exists() -> None:
    named = set(re.findall(r"\binfra/[\w./]*\w", PAGE))
    # The reader's own.
    own = {
        "infra/bicep/main.own.bicepparam",
        "infra/terraform/backend.tf",
        "infra/terraform/main.own.tfvars",
        "infra/terraform/terraform.tfstate",
    }
    assert [name for name in named - own if not (ROOT / name).exists()] == []


def test_every_resource_that_a_command_names_exists() -> None:
    for name in ("item-picture-uploaded", "keep-pictures", "dead-letter"):
        assert name in PAGE
        assert f"'{name}'" in MODULES


def test_without_azd_three_commands_are_enough() -> None:
    (block,) = re.findall(r"```sh\n(# 1\. .*?)```", section("With the Azure CLI alone"), re.DOTALL)
    assert re.findall(r"^((?:az|python3) [^-\n]*[^-\s])", block, re.MULTILINE) == [
        "az deployment sub create",
        "python3 dev.py upload GROUP APP",
        "az deployment sub create",
    ]
    first, _, third = re.split(r"^# \d.*\n", block, flags=re.MULTILINE)[1:]
    assert "--confirm-with-what-if" in first
    assert first.strip().replace("createEventSubscription=false", "createEventSubscription=true") == third.strip()


def commands(text: str) -> list[str]:
    """Return the commands for a shell, each in one line, without comments."""
    blocks = "".join(re.findall(r"^ *```sh\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE))
    lines = (line.partition("   # ")[0].strip() for line in blocks.replace("\\\n", "").splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def test_every_shell_understands_each_command_alike() -> None:
    """PowerShell and cmd read quotes within quotes and many signs otherwise: a comma outside of quotes makes a list."""
    found = commands(PAGE)
    assert len(found) > 20
    for command in found:
        outside = re.sub(r'"[^"]*"', "", command)
        assert not re.search(r"""["'`$;|&<>(){}@,*?\\^%!]""", outside), command
        assert not re.search(r"""[$`\\%!]""", command), command
        # PowerShell breaks -var-file=main.tfvars in two at the dot.
        assert not re.search(r" -[^ ]*[.:]", outside), command


def test_git_bash_leaves_paths_of_azure_alone() -> None:
    """It would put its own folder before what begins with a slash."""
    concerned = set()
    for heading in re.findall(r"^## (.+)$", PAGE, re.MULTILINE):
        before = ""
        for part in re.split(r"(```(?:sh|bash)\n.*?```)", section(heading), flags=re.DOTALL):
            if part.startswith("```") and re.search(r'(?:^|[\s=])"?/\w', part):
                assert "In Git Bash first `export MSYS_NO_PATHCONV=1`" in " ".join(before.split()), part
                concerned.add(heading)
            before += part
    assert concerned == {"From GitHub", "With the Azure CLI alone"}


def test_az_works_in_the_apps_subscription() -> None:
    """After a sign-in it is in whichever one is the first, or in none."""
    for heading in ("With the Azure CLI alone", "With Terraform", "Let it into BC"):
        chosen = False
        named = [command for command in commands(section(heading)) if command.startswith("az ")]
        assert any("az login" in command for command in named)
        for command in named:
            chosen = "az account set --subscription" in command or (chosen and "az login" not in command)
            assert chosen or " --resource-group " not in command, command


def test_the_readme_leaves_the_steps_to_this_page() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "(docs/deployment.md)" in readme
    assert [command for command in commands(readme) if re.match(r"(az|azd|func) ", command)] == []


def test_a_deployment_to_a_subscription_says_where() -> None:
    pages = [ROOT / "README.md", ROOT / "infra" / "README.md", *(ROOT / "docs").glob("*.md")]
    found = [c for page in pages for c in commands(page.read_text(encoding="utf-8")) if "az deployment sub create" in c]
    assert found
    assert [command for command in found if " --location " not in command] == []


def test_the_lowest_bicep_knows_the_templates() -> None:
    """Typed variables came with 0.36; the pinned compiler is what the tests run."""
    named = re.search(r"Bicep (\d+)\.(\d+) or newer", PAGE)
    assert named
    lowest = tuple(int(number) for number in named.groups())
    assert re.search(r"^var \w+ \w+ =", MAIN, re.MULTILINE)
    assert (0, 36) <= lowest <= tuple(int(number) for number in PINNED.split("."))[:2]


def test_with_terraform_three_commands_are_enough() -> None:
    (commands,) = re.findall(r"```sh\n(# 1\. .*?)```", section("With Terraform"), re.DOTALL)
    first, second, third = (command.strip() for command in re.split(r"^# \d.*\n", commands, flags=re.MULTILINE)[1:])
    assert first.startswith('terraform -chdir=infra/terraform apply -var-file="main.own.tfvars" ')
    assert second in section("With the Azure CLI alone")
    assert first.replace("create_event_subscription=false", "create_event_subscription=true") == third
    assert first != third


def test_the_command_that_takes_the_lock_off_names_its_variable() -> None:
    (variable,) = re.findall(r"`-var=(\w+)=false` at its end", section("Run it again"))
    assert f'\nvariable "{variable}" {{' in (ROOT / STACK / "variables.tf").read_text(encoding="utf-8")


def test_the_default_that_some_regions_lack_is_named() -> None:
    (default,) = re.findall(r"^param picturesAccountSku .* = '(\w+)'$", MAIN, re.MULTILINE)
    (row,) = [line for line in PAGE.splitlines() if line.startswith("| `RedundancyConfigurationNotAvailableInRegion`")]
    assert f"`{default}`" in row


def test_the_version_of_terraform_is_the_required_one() -> None:
    for path in (ROOT / STACK).rglob("*.tf"):
        for required in re.findall(r'required_version = ">= ([\d.]+)', path.read_text(encoding="utf-8")):
            assert f"Terraform, {required} or newer" in PAGE


def test_terraforms_messages_in_the_table_are_its_own() -> None:
    stack = (ROOT / STACK / "event_subscription.tf").read_text(encoding="utf-8")
    assert "has no key blobs_extension yet" in section("What can go wrong")
    assert "has no key blobs_extension yet" in stack
    # tests/infra/test_parity.py sees the other one.
    assert "Instance cannot be destroyed" in section("What can go wrong")


def test_the_version_of_azd_is_the_required_one() -> None:
    required = yaml.safe_load((ROOT / "azure.yaml").read_text(encoding="utf-8"))["requiredVersions"]["azd"]
    assert f"`azd`, {required.removeprefix('>= ')} or newer" in PAGE


def test_every_message_in_the_table_is_one_of_the_scripts() -> None:
    scripts = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "infra" / "scripts").glob("*.py"))
    for message in (
        "uv could not install the packages",
        "There is no package",
        "The Azure CLI is in no subscription",
        "There is no function app",
        "You may not deploy to",
        "Another deployment to",
        "may not write its package to the host account yet",
        "Azure could not deploy the package to",
        "Azure has not deployed the package to",
        "Waiting for the key blobs_extension",
        "the app's host does not answer yet",
        "the app's host runs, and has not found the function yet",
        "You may not list the keys",
        "The host does not start",
        "Azure could not do it just now",
        "Event Grid could not reach the app yet",
        "answered with something other than a JSON object",
        "You may not do this",
        "The directory does not know Dynamics 365 Business Central",
    ):
        assert message in section("What can go wrong")
        assert message in scripts
