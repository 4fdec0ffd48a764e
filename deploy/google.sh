#!/usr/bin/env bash
# Wirebeam in Google Cloud: what it needs there, its images, and its job on Dataflow.
#   google.sh [--dry-run] setup dataflow|flink PROJECT REGION
#   google.sh [--dry-run] images PROJECT REGION VERSION
#   google.sh [--dry-run] start|update PROJECT REGION VERSION CONTACT SINK
# setup makes what is not there, for pollers and for a stream on that runner, and leaves the rest as it is: it may be
# run again. images builds and pushes them, and the Flex Template. start runs it; update puts a new version of the code
# in the place of the job that runs, with its state. --dry-run prints the commands instead.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

# The subscription is that of `wirebeam pubsub setup` (pipeline/cli/pubsub.py).
topic=entries
subscription=entries
dead=$subscription-dead-letters
dataset=news
repository=wirebeam
job=wirebeam-stream
max_workers=4

usage() {
  sed -n '2,5s/^# \{0,3\}//p' "$0" >&2
  exit 2
}

run() {
  if [ "$dry_run" = yes ]; then
    printf '%q ' "$@"
    echo
  else
    "$@"
  fi
}

is_there() { # the command that shows it
  [ "$dry_run" = no ] && "$@" >/dev/null 2>&1
}

grant() { # account, role, and the command that lets one be added
  run "${@:3}" "--member=serviceAccount:$1" "--role=$2" --quiet --format none
}

setup() { # runner
  local pubsub=(gcloud pubsub --project "$project")
  local account

  run gcloud services enable --project "$project" pubsub.googleapis.com bigquery.googleapis.com storage.googleapis.com \
    artifactregistry.googleapis.com dataflow.googleapis.com iam.googleapis.com

  for account in wirebeam-poller wirebeam-worker; do
    is_there gcloud iam service-accounts describe "$account@$accounts" --project "$project" ||
      run gcloud iam service-accounts create "$account" --project "$project"
  done

  is_there "${pubsub[@]}" topics describe "$topic" || run "${pubsub[@]}" topics create "$topic"
  local how=(--topic "$topic" --ack-deadline 60 --retain-acked-messages --message-retention-duration 7d
    --expiration-period never)
  if [ "$1" = flink ]; then
    make_dead_letters
    how+=(--enable-message-ordering --min-retry-delay 10s --max-retry-delay 600s
      --dead-letter-topic "$dead" --max-delivery-attempts 20)
  fi # Dataflow supports neither dead letters nor a retry policy; it gives messages back in the course of its work.
  is_there "${pubsub[@]}" subscriptions describe "$subscription" ||
    run "${pubsub[@]}" subscriptions create "$subscription" "${how[@]}"
  if [ "$1" = flink ]; then
    grant "$pubsub_itself" roles/pubsub.publisher "${pubsub[@]}" topics add-iam-policy-binding "$dead"
    grant "$pubsub_itself" roles/pubsub.subscriber "${pubsub[@]}" subscriptions add-iam-policy-binding "$subscription"
  fi

  # A stream publishes too: what must come again. Both ask the topic for its schema.
  for account in wirebeam-poller wirebeam-worker; do
    grant "$account@$accounts" roles/pubsub.publisher "${pubsub[@]}" topics add-iam-policy-binding "$topic"
    grant "$account@$accounts" roles/pubsub.viewer "${pubsub[@]}" topics add-iam-policy-binding "$topic"
  done
  grant "$worker" roles/pubsub.subscriber "${pubsub[@]}" subscriptions add-iam-policy-binding "$subscription"
  grant "$worker" roles/pubsub.viewer "${pubsub[@]}" subscriptions add-iam-policy-binding "$subscription"

  is_there bq --project_id "$project" show --dataset "$project:$dataset" ||
    run bq --project_id "$project" --location "$region" mk --dataset "$project:$dataset"
  run bq --project_id "$project" --location "$region" query --use_legacy_sql=false \
    "GRANT \`roles/bigquery.dataEditor\` ON SCHEMA \`$project.$dataset\` TO \"serviceAccount:$worker\""
  grant "$worker" roles/bigquery.jobUser gcloud projects add-iam-policy-binding "$project" --condition=None

  is_there gcloud storage buckets describe "$bucket" ||
    run gcloud storage buckets create "$bucket" --project "$project" --location "$region" \
      --uniform-bucket-level-access --public-access-prevention
  grant "$worker" roles/storage.objectAdmin gcloud storage buckets add-iam-policy-binding "$bucket"

  is_there gcloud artifacts repositories describe "$repository" --project "$project" --location "$region" ||
    run gcloud artifacts repositories create "$repository" --project "$project" --location "$region" \
      --repository-format docker
  grant "$worker" roles/artifactregistry.reader gcloud artifacts repositories add-iam-policy-binding "$repository" \
    --project "$project" --location "$region"

  case $1 in
    dataflow) grant "$worker" roles/dataflow.worker gcloud projects add-iam-policy-binding "$project" --condition=None ;;
    flink) # the accounts of deploy/kubernetes act as these
      grant "$project.svc.id.goog[wirebeam/wirebeam-poller]" roles/iam.workloadIdentityUser \
        gcloud iam service-accounts add-iam-policy-binding "wirebeam-poller@$accounts" --project "$project"
      grant "$project.svc.id.goog[wirebeam/wirebeam-stream]" roles/iam.workloadIdentityUser \
        gcloud iam service-accounts add-iam-policy-binding "$worker" --project "$project"
      ;;
  esac
}

make_dead_letters() {
  local number=NUMBER
  [ "$dry_run" = yes ] || number=$(gcloud projects describe "$project" --format='value(projectNumber)')
  pubsub_itself=service-$number@gcp-sa-pubsub.iam.gserviceaccount.com
  is_there gcloud pubsub --project "$project" topics describe "$dead" ||
    run gcloud pubsub --project "$project" topics create "$dead"
  is_there gcloud pubsub --project "$project" subscriptions describe "$dead" ||
    run gcloud pubsub --project "$project" subscriptions create "$dead" --topic "$dead" --expiration-period never
}

images() {
  local target
  run gcloud auth configure-docker "$region-docker.pkg.dev" --quiet
  run docker build --file "$here/Dockerfile" --tag "$registry/wirebeam:$version" "$here/.."
  run docker build --file "$here/Dockerfile" --target flink-job --tag "$registry/wirebeam-flink-job:$version" "$here/.."
  for target in wirebeam wirebeam-flink-job; do
    run docker push "$registry/$target:$version"
  done
  run gcloud dataflow flex-template build "$template" --project "$project" --image "$registry/wirebeam:$version" \
    --sdk-language PYTHON --metadata-file "$here/dataflow/metadata.json"
}

launch() { # contact, sink, further options
  # ^~^ makes ~ part the parameters: a value may hold a comma.
  # BigQuery takes 1,500 loads of a table a day, and each batch of a stream makes four: 1,152 at one in five minutes.
  local parameters=("from=pubsub:projects/$project/subscriptions/$subscription" "sink=$2" "contact=$1" "flush=5m"
    "sdk_container_image=$registry/wirebeam:$version")
  run gcloud dataflow flex-template run "$job" --project "$project" --region "$region" \
    --template-file-gcs-location "$template" --service-account-email "$worker" --enable-streaming-engine \
    --num-workers 1 --max-workers "$max_workers" --temp-location "$bucket/dataflow/temp" \
    --staging-location "$bucket/dataflow/staging" --parameters "^~^$(IFS='~' && echo "${parameters[*]}")" "${@:3}"
}

dry_run=no
if [ "${1-}" = --dry-run ]; then
  dry_run=yes
  shift
fi
action=${1-}
runner=
case $action in
  setup)
    [ $# -eq 4 ] || usage
    runner=$2
    case $runner in dataflow | flink) ;; *) usage ;; esac
    shift
    ;;
  images) [ $# -eq 4 ] || usage ;;
  start | update) [ $# -eq 6 ] || usage ;;
  *) usage ;;
esac
project=$2
region=$3
version=${4-}
if ! [[ $project =~ ^[a-z][a-z0-9-]{4,28}[a-z0-9]$ && $region =~ ^[a-z]+-[a-z]+[0-9]+$ &&
  ($action = setup || $version =~ ^[A-Za-z0-9_][A-Za-z0-9_.-]*$) ]]; then
  usage
fi
accounts=$project.iam.gserviceaccount.com
worker=wirebeam-worker@$accounts
bucket=gs://$project-wirebeam
registry=$region-docker.pkg.dev/$project/$repository
template=$bucket/dataflow/wirebeam-$version.json

case $action in
  setup) setup "$runner" ;;
  images) images ;;
  start) launch "$5" "$6" ;;
  update) launch "$5" "$6" --update ;;
esac
