#!/usr/bin/env bash
# Build the tracker function and hand it to the nuclio that runs beside CVAT. `serverless/deploy.sh --help` says how.
set -euo pipefail

usage() {
    cat <<'END'
usage: serverless/deploy.sh cpu|gpu|kubernetes [--model FILE] [--stage-only DIR] [-- OPTION...]

  cpu, gpu         deploy to the nuclio of a CVAT that runs on this machine with docker compose
  kubernetes       deploy to the nuclio of a cluster (needs: -- --registry REGISTRY)
  --model FILE     take this checkpoint (.safetensors) along instead of the bundled gcvos-lite
  --stage-only DIR write what nuclio would build from into DIR, and stop
  -- OPTION...     handed to `nuctl deploy` as they are

  PYTHON           the Python that builds the wheel (default: python3)
  CVAT_NETWORK     the docker network of CVAT (default: cvat_cvat)
END
}

fail() {
    echo "deploy.sh: $1" >&2
    exit "${2:-1}"
}

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
flavour='' model='' stage_only='' options=()
while (($#)); do
    case $1 in
        cpu | gpu | kubernetes) flavour=$1 ;;
        --model) model=${2:?--model wants a file} && shift ;;
        --stage-only) stage_only=${2:?--stage-only wants a folder} && shift ;;
        --help | -h) usage && exit ;;
        --) shift && options=("$@") && break ;;
        *) usage >&2 && fail "unknown argument '$1'" 2 ;;
    esac
    shift
done
[[ -n $flavour ]] || { usage >&2 && fail "say what to deploy: cpu, gpu or kubernetes" 2; }
[[ -z $model || -f $model ]] || fail "no such checkpoint: $model" 2

check_tools() {
    command -v nuctl >/dev/null || fail "nuctl is not there. Take the version that your CVAT's documentation names
('Semi-automatic and automatic annotation') from https://github.com/nuclio/nuclio/releases, and put it on the PATH."
    [[ $flavour != kubernetes ]] || return 0
    command -v docker >/dev/null || fail "docker is not there: nuclio builds and runs the function with it."
    docker info >/dev/null 2>&1 || fail "docker does not answer: start it, or add yourself to the group 'docker'."
    docker network inspect "$network" >/dev/null 2>&1 || fail "there is no docker network '$network'. Start CVAT with \
its serverless part first:
  docker compose -f docker-compose.yml -f components/serverless/docker-compose.serverless.yml up -d
(another network: CVAT_NETWORK=NAME $0 $flavour)"
}

# nuclio copies one folder and nothing around it, so the package comes along as a wheel. It is built from a copy:
# setuptools would leave a build folder in the sources, and take what is stale in it into the next wheel.
stage() {
    local folder=$1 name source
    mkdir -p "$folder"
    [[ -z $(ls -A "$folder") ]] || fail "$folder is not empty" 2
    name=function.yaml
    [[ $flavour == cpu ]] || name=function-$flavour.yaml
    cp "$here/gcvos/nuclio/$name" "$folder/function.yaml"
    cp "$here/gcvos/nuclio/main.py" "$folder"
    mkdir "$folder/gcvos_function"
    cp "$here"/gcvos/nuclio/gcvos_function/*.py "$folder/gcvos_function"
    source=$(mktemp -d)
    cp -R "$root/gcvos_model" "$root"/pyproject.toml "$root"/README.md "$root"/*LICENSE* "$source"
    "${PYTHON:-python3}" -m pip wheel --quiet --no-deps --wheel-dir "$folder" "$source" ||
        fail "the wheel could not be built with ${PYTHON:-python3}; PYTHON=... chooses another Python"
    rm -rf "$source"
    if [[ -n $model ]]; then
        cp "$model" "$folder/"
        sed -i.bak "s|value: gcvos-lite|value: /opt/nuclio/$(basename "$model")|" "$folder/function.yaml"
        rm "$folder/function.yaml.bak"
    fi
}

network=${CVAT_NETWORK:-cvat_cvat}
if [[ -n $stage_only ]]; then
    stage "$stage_only"
    echo "staged in $stage_only"
    exit
fi

check_tools
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
stage "$folder"
platform=local
deploy=(nuctl deploy --project-name cvat --path "$folder" --file "$folder/function.yaml")
if [[ $flavour == kubernetes ]]; then
    platform=kube
else
    deploy+=(
        --env CVAT_FUNCTIONS_REDIS_HOST=cvat_redis_ondisk --env CVAT_FUNCTIONS_REDIS_PORT=6666
        --platform-config "{\"attributes\": {\"network\": \"$network\"}}"
    )
fi
nuctl create project cvat --platform "$platform" 2>/dev/null || true # it is there already, mostly
"${deploy[@]}" --platform "$platform" ${options[@]+"${options[@]}"}
nuctl get function --platform "$platform"
cat <<'END'

Deployed. In CVAT, open a job, then:
  1. the magic wand at the left (AI tools) > Trackers > 'GC video objects', choose a label, 'Track'
  2. draw a box around the object
  3. step to the next frame (F): the box follows; where it drifts, correct it and go on
It tracks one frame a step. For many frames at once: gcvos cvat track --job JOB --frame FRAME (serverless/README.md).
END
