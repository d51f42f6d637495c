/** What the demo ends with: how to point infra-deployer at one's own repository. */
export const nextSteps = `
Where to look next: your own repository

1. Say who may do what, in policy.yaml (policies/allowlist.yaml explains every key):

     version: 1
     repositories:
       infra-live:
         url: git@gitlab.example.com:acme/infra-live.git     # or an absolute path on this machine, without the next two
         deploy_key: file:/etc/infra-deployer/deploy-key     # read-only is enough
         known_hosts: |                                      # what your git host publishes, not what ssh-keyscan finds
           gitlab.example.com ssh-ed25519 AAAA…
         rules:
           - {name: plan-anywhere, allow: [plan], refs: [refs/heads/**], paths: [prod/**]}
           - {name: apply-reviewed, allow: [apply], refs: [refs/heads/main], paths: [prod/**]}

2. Start the server; its address and tokens are in data/server.json:

     node dist/infra-deployer-server.js --policy policy.yaml --data-dir data

3. Ask it, from here or from a CI job:

     export INFRA_DEPLOYER_SERVER=… INFRA_DEPLOYER_TOKEN=…
     node dist/infra-deployer.js --command plan --path prod/vpc --ref main
     node dist/infra-deployer.js --command apply --path prod/vpc --ref main`;
