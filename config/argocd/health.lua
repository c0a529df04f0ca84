-- SPDX-FileCopyrightText: The DomainPatch Authors
-- SPDX-License-Identifier: Apache-2.0

-- Argo CD's health of DomainPatches, ClusterDomainPatches and DomainPatchPolicies. Condition
-- Ready decides; until it speaks of what is in Git, the object is progressing.
local health = {status = "Progressing", message = "waiting for the operator"}
local status = obj.status
if status == nil or status.conditions == nil or status.observedGeneration ~= obj.metadata.generation then
  return health
end
for _, condition in ipairs(status.conditions) do
  if condition.type == "Ready" then
    health.message = condition.message
    if condition.status == "True" then
      health.status = "Healthy"
    elseif condition.status == "False" then
      health.status = "Degraded"
    end
  end
end
return health
