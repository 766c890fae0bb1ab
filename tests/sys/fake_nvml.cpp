// A library with the functions of NVML that eebench calls: each reading of device k is (k + 1) J
// more.

namespace {
unsigned long long counts[2] = {1000, 1000};
int devices[2] = {0, 1};
}  // namespace

extern "C" {
int nvmlInit_v2() { return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void** device) {
  *device = index < 2 ? &devices[index] : nullptr;
  return index < 2 ? 0 : 2;
}
int nvmlDeviceGetHandleByUUID(const char* uuid, void** device) {
  *device = &devices[1];
  return uuid[0] == 'G' ? 0 : 2;
}
int nvmlDeviceGetTotalEnergyConsumption(void* device, unsigned long long* millijoules) {
  const int which = *static_cast<int*>(device);
  *millijoules = counts[which] += 1000ULL * static_cast<unsigned long long>(which + 1);
  return 0;
}
}
