module discsi

go 1.19
